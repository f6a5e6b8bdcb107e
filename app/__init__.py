"""随心订: subscription milk delivery, from an order to the doorstep."""
