"""How much one operation may ask for, one caller may spend, and one execution may take."""
