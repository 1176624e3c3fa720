"""A backtest as a page that people read: one HTML file that needs no network.

page       the whole page
verdict    what was found, in sentences
compare    which outcomes are set against each other, and sums over series
parts      tiles, the table of all policies, and how it was made, as HTML
data       what the scripts of the page draw and sort, as JSON
words      numbers as people read them
assets     the page's frame, style and scripts
"""
