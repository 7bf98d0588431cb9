"""`branchline demo`: the main job on simulated modems, put together from the commands that users type."""
