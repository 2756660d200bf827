"""Doorways: one module for each Lambda function, whose start begins here and is finished at its end."""

from quantleap.runtime import start

start.begin()
