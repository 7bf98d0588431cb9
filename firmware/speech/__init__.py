"""Who speaks on this box: the engines that the settings ask for and the machine has."""
