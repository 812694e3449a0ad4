"""Pictures of what evolution found, as SVG made from a trial's user attributes: no torch, no plotting library, no scripts.

``charts``: fitness and species over generations; ``network``: the best genome; ``behaviour``: what it does; ``page``: all of
them in one HTML file that opens offline. Each function returns an ``<svg>`` element as text, to be put into any page.
"""
