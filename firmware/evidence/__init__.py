"""What an auditor is handed: the evidence of one call, and figures over many."""
