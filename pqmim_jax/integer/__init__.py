"""The MIM in exact integers: what decides about files is computed without rounding a float.

`arithmetic` has the operations and why they are exact, `network` the MIM made of them, `conversion`
turns a trained MIM into integers, `bounds` proves for given weights that no sum is too large.
"""
