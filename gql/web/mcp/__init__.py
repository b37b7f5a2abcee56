"""The server of the Model Context Protocol at `/mcp`: tools for agents, each of which runs one fixed operation."""
