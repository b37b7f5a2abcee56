"""Messages to people, through the channels that admins set up."""
