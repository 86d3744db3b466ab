# Shown to who logs in on a terminal.
if [ -t 1 ] && [ "$(id -u)" = 0 ]; then
	vl list
fi
