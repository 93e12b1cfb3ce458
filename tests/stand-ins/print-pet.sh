#!/bin/sh
# Prints the line of /tmp/pets.input whose number it is given.
sed -n "$1p" /tmp/pets.input
