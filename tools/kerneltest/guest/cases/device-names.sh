# Two NVMe drives change their names between two starts of the daemon in this guest.
/kt/power names || exit 1
