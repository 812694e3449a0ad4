"""A campaign on one page: what came of it, what it cost, how good the search was, and all it went through."""
