"""Programs written for hexagon-mlir, Qualcomm's compiler of Triton for Hexagon, under `rung profile --as hexagon-mlir`.

Such a program imports that compiler's driver, makes it Triton's active one, and gives launches its keywords:

    from triton.backends.qcom_hexagon_backend.driver import HexagonDriver

    triton.runtime.driver.set_active(HexagonDriver())
    kernel[grid](x, y, BLOCK=1024, enableMultiThreading=True, enableDoubleBuffering=True)

Here the driver is rung's own, and the keywords that name mechanisms are the launch's schedule (keywords.py). Names and
meanings are those of https://github.com/qualcomm/hexagon-mlir (backend/hexagon_options.py, driver.py,
hexagon_extern/hexagon/libdevice.py).
"""
