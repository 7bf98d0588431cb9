"""What can go wrong in the simulator, as seen by whoever runs it."""


class SimulatorError(Exception):
    """Root of the simulator's errors."""


class PeopleFileError(SimulatorError):
    """A people file says something nobody can do; the message starts with `source:line:`."""


class ModemProcessError(SimulatorError):
    """The child process of simulated modems did not come up, or is gone."""
