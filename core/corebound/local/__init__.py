"""This machine as a pool: its cores, its embedded PostgreSQL, and one supervised process per worker."""
