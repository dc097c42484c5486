"""Fathom's default on many real tables, beside what people would use instead: boosted trees and a linear model."""
