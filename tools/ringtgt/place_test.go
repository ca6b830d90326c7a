package main

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// What is mounted where, and what /etc/fstab says should be.
func TestMounts(t *testing.T) {
	m := parseMounts(`22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 8:17 / /srv rw shared:1 - xfs /dev/sdb1 rw
31 30 8:33 / /srv/a\040b rw - ext4 /dev/sdc1 rw
32 22 0:40 / /srv rw - tmpfs tmpfs rw
nonsense
`, `# /etc/fstab
/dev/vda / ext4 defaults 0 1
UUID=1 /srv xfs defaults
UUID=2	/mnt/disks\040two/ xfs noauto
/dev/vdb none swap sw
`)
	for path, want := range map[string]string{
		"/": "ext4", "/etc/x": "ext4", "/srv": "tmpfs", "/srv/x": "tmpfs", "/srvx": "ext4", "/srv/a b/x": "ext4",
	} {
		check.Equal(t, m.of(path).kind, want, "%s:", path)
	}
	for path, want := range map[string]string{
		"/srv/x.img": "", "/mnt/disks two/x.img": "/mnt/disks two", "/mnt/disks twoo": "", "/x": "",
	} {
		check.Equal(t, m.absent(path), want, "%s:", path)
	}
	check.Equal(t, m.using(8<<8|17), "/srv", "8:17:")
	check.Equal(t, m.using(8<<8|18), "", "8:18:")
}

// One cause is one message, and a file system that is not mounted one for all its files.
func TestCauses(t *testing.T) {
	var l lookout
	for _, path := range []string{"/srv/1", "/srv/2", "/srv/3", "/srv/4", "/srv/5"} {
		l.blame(&config.LUN{Path: path, At: config.Where{Flag: "--lun " + path}}, cause{text: "/srv is in /etc/fstab and not mounted", effect: "missing, although served before", refuses: true})
	}
	l.blame(&config.LUN{Path: "/srv/6"}, cause{text: "/srv is in /etc/fstab and not mounted", effect: "would be created on /", warning: true})
	for i := range l.causes {
		l.causes[i].report(&l)
	}
	if len(l.refused) != 1 || len(l.problems) != 1 {
		t.Fatalf("%v, %v", l.refused, l.problems)
	}
	check.Equal(t, l.refused[0].Error(), "--lun /srv/1: /srv/1, /srv/2, /srv/3, /srv/4 and 1 more missing, although served before: /srv is in /etc/fstab and not mounted", "refused:")
	check.Equal(t, l.problems[0].String(), "warning: /srv/6 would be created on /: /srv is in /etc/fstab and not mounted", "problem:")
}
