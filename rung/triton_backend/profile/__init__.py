"""Programs under `rung profile`: every launch through Triton runs on a device, is timed, and told.

rung profile -- python my_script.py
    |  a folder with session.json; RUNG_PROFILE=folder for the program and all that it starts
    v
driver.make_launcher -> launchers.py: the launcher of a kernel in such a process
    device.py            the kernel for the modelled device: the launch's arguments, values and trace
    recorder.py          what was launched, as it goes; the device's clock
    log.py               a file of lines in the folder for each process, which the command reads
"""
