"""The notebook's face: all that imports IPython or ipywidgets; whatever it can do, a script can."""
