"""Pages: records of any kind as one HTML file that opens without a network. `html.py` puts it together. What is on the
sheet of a kind of record, a file here says, which its study names (`page`); without one, its tables (`captured.py`)."""
