"""Agents: an MCP server at ``/mcp``, whose tools are operations of our own API."""
