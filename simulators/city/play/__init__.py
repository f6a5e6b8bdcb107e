"""A morning of the demo city, played through the REST API alone, as phones, households and sensors.

The clock. A demo's business clock only goes forward. A morning of date D is played from 03:30 to
07:30 of D; before it the clock is put past the cut-off of the day before, if it has not been there,
until the worker has planned D. Afterwards it counts at 1 again, ahead of the wall clock by what it
was moved. `make run` plays at most one morning a wall day: a second start on the same day goes on with
a morning that was left unfinished, or leaves the clock alone; the first start of another day plays
the next morning the clock comes to, so a demo is ahead by a day more at the most for each day on which
it is started. Mornings that passed while nothing ran are made up as phones do that find the network
late: all at once, with the times of that morning.

Nothing is kept outside the product. Who does what and when is drawn from seed, date and door; every
event and request carries an id drawn the same way. So a player that is killed and started again
repeats itself, what is done already is answered as a repetition, and the rest goes on.
"""
