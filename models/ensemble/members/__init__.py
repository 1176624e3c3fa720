"""The members of the ensemble, one file each; no member imports another one."""
