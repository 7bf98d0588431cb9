"""Speech to text: recognisers in worker processes, behind one contract; none of them can hold up or end a call."""
