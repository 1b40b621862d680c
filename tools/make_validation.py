"""Writes docs/validation.md from what `rung validate --json` recorded: `tools/make_validation.py FILE.json`."""

from __future__ import annotations

import sys
from pathlib import Path

from rung.report.validation import page
from rung.studies import read

PAGE = Path(__file__).parents[1] / "docs" / "validation.md"
TEXT = """# Published measurements, predicted

What others measured on devices of their own, and what rung's model of each device gives. **Every number of rung's on
this page is modelled.**

```
rung validate --json validation.json            # 40 s; --device tpu-v5e: one device
python tools/make_validation.py validation.json # writes this page
rung validate --calibrate                       # fits the calibrated fields anew, to the figures marked `fitted`
```

One machine file per device (`rung machines NAME`), each field with its source in a comment, or marked as assumed or
calibrated there. Nothing is set per kernel. What is calibrated was fitted to the figures marked so, about half of a
source's, and to no other; all others are predictions.
A kernel of the suite is compiled, run and replayed, as everywhere else; a program that is known in words only, or
whose device LLVM has no back end for, is a *plan*: its steps, transfers, packets and multiply-adds as the source
tells ([npu.md](npu.md#plans)). A miss, more than 25% off, has its reason beside it.

How blind is this? No number was fitted to a prediction; a test fits anew and compares. But plans, and which fields
are calibrated, were chosen with all figures in view, as the model itself was. What would convince more is a source
that nobody here has seen: each is one file in `rung/bench/sources/`.

![modelled over published, for every figure](images/validation.png)

{page}
## Looked at, and not predicted
- [Deeploy, pull request 114](https://github.com/pulp-platform/Deeploy/pull/114): 26 to 29% for double against single
  buffering at an equal number of tiles. The shapes are in model files that were not read.
- [IREE, issue 24117](https://github.com/iree-org/iree/issues/24117): DMA on against off on a GPU, from +32.7% to
  -133.8%. A GPU's thousands of threads are not this model's contexts.
- [TVM, pull request 13381](https://github.com/apache/tvm/pull/13381): DMA at up to 40 GB/s past the caches; a rate,
  for which nothing has to be predicted.
"""


def main() -> None:
    record = read(sys.argv[1])
    PAGE.write_text(TEXT.replace("{page}", page(record)))
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
