"""What runs the cells: an IPython shell that reports what happens as lines of JSON.

It is loaded by ``child.py`` as a package by itself, and imports nothing of Fathom before it is told to, so that another
environment's Python can run it too. It reads one job from standard input and writes events to standard output; what
cells print below Python's streams (C libraries, worker processes) goes to standard error.

Where a cell begins and ends it writes MARK there, so that both pipes can be read in step.

Job:     cells [source, …], name, is_python, path [folder, …], api (new, old, auto; None leaves d2l alone),
         cpu_stand_in, batches, keep_going
Events:  start cell · stream name text · result text png is_hidpi id · display and update the same · clear
         · api name · machine text · error name message url line traceback · end cell ok seconds · done
"""
