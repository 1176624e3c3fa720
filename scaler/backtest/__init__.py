"""A team's own traffic replayed under policies: what each would have cost, and whom it would have kept waiting.

result     what comes out: figures of every policy and series, and courses for pictures
"""
