"""What would have been chosen: candidate policies lived through beside the real one, and the cheapest taken.

spread       how far seconds stray from the mean of their step
floors       the cheapest floors of a forecast at several prices
candidates   the table: rules for a floor, and settings of the KPA_INDEX, put together
trial        candidates replayed on the traffic that came: what each cost, block by block
choice       which candidate is in force when, by discounted realised cost
guard        whom the KPA_INDEX alone serves, because what was chosen delayed more
live         the same beside the real thing, as the traffic comes
"""
