"""The set, the two characters, the camera and the lights of the example shot, built from numbers alone."""
