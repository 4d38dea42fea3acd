"""The gateways: one port, one error tree, one file that talks, one adapter each."""
