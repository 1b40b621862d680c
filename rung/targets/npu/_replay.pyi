Parameters = tuple[float, float, float, float, float, float, float, float, int, bool]
"""bytes per cycle, latency, gap, fetch, row, turnaround, issue, vector units, queue depth, oldest first"""

def replay(
    program: bytes,
    entries: bytes,
    works: bytes,
    parameters: Parameters,
    contexts: int,
    tags: int,
    begin: float,
    recording: bool,
) -> tuple[float, float, float, float, float, float, float, float, int, int, bytes]:
    """One region: (end, computing, issuing, blocked, waiting, slowed, engine busy, bytes moved, descriptors, most
    descriptors in flight, intervals). `program` and `entries` as in `program.Program`; `works` has three doubles per
    work."""
