"""Documents in Chinese as PDF: the font they are set in, and the sheet they are written on."""
