"""How good the embedded world is: its networks and LOHO in it, on portraits that nothing was trained on."""
