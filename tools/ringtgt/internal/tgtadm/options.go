package tgtadm

import (
	"fmt"
	"strconv"
	"strings"
)

// unset is the value of a number that was not given.
const unset = -1

// options are the command line of tgtadm.
type options struct {
	lld, op, mode              string
	tid, sid, cid, lun         int
	name, value                string
	path, bstype, bsopts       string
	bsoflags, blocksize        string
	device                     string
	targetName                 string
	address, initiator         string
	user, password             string
	params                     string
	force, outgoing            bool
	help, version              bool
	hasUser, hasPassword, hasV bool
}

// option is one option: its long and its short name, and where its value goes. flag options have none.
type option struct {
	long  string
	short byte
	flag  bool
	set   func(o *options, v string) error
}

func text(to func(*options) *string) func(*options, string) error {
	return func(o *options, v string) error { *to(o) = v; return nil }
}

func number(short byte, to func(*options) *int) func(*options, string) error {
	return func(o *options, v string) error {
		n, err := strconv.ParseUint(v, 0, 31)
		if err != nil {
			return fmt.Errorf("-%c argument value '%s' invalid", short, v)
		}
		*to(o) = int(n)
		return nil
	}
}

func ignored(*options, string) error { return nil }

// all are the options of tgtadm (usr/tgtadm.c, long_options).
var all = []option{
	{"debug", 'd', true, ignored},
	{"help", 'h', true, func(o *options, _ string) error { o.help = true; return nil }},
	{"version", 'V', true, func(o *options, _ string) error { o.version = true; return nil }},
	{"lld", 'L', false, text(func(o *options) *string { return &o.lld })},
	{"op", 'o', false, setOp},
	{"mode", 'm', false, setMode},
	{"tid", 't', false, number('t', func(o *options) *int { return &o.tid })},
	{"sid", 's', false, number('s', func(o *options) *int { return &o.sid })},
	{"cid", 'c', false, number('c', func(o *options) *int { return &o.cid })},
	{"lun", 'l', false, number('l', func(o *options) *int { return &o.lun })},
	{"name", 'n', false, text(func(o *options) *string { return &o.name })},
	{"value", 'v', false, func(o *options, v string) error { o.value, o.hasV = v, true; return nil }},
	{"backing-store", 'b', false, text(func(o *options) *string { return &o.path })},
	{"bstype", 'E', false, text(func(o *options) *string { return &o.bstype })},
	{"bsopts", 'S', false, text(func(o *options) *string { return &o.bsopts })},
	{"bsoflags", 'f', false, text(func(o *options) *string { return &o.bsoflags })},
	{"blocksize", 'y', false, text(func(o *options) *string { return &o.blocksize })},
	{"targetname", 'T', false, text(func(o *options) *string { return &o.targetName })},
	{"initiator-address", 'I', false, text(func(o *options) *string { return &o.address })},
	{"initiator-name", 'Q', false, text(func(o *options) *string { return &o.initiator })},
	{"user", 'u', false, func(o *options, v string) error { o.user, o.hasUser = v, true; return nil }},
	{"password", 'p', false, func(o *options, v string) error { o.password, o.hasPassword = v, true; return nil }},
	{"host", 'H', false, ignored},
	{"force", 'F', true, func(o *options, _ string) error { o.force = true; return nil }},
	{"params", 'P', false, text(func(o *options) *string { return &o.params })},
	{"bus", 'B', false, ignored},
	{"device-type", 'Y', false, text(func(o *options) *string { return &o.device })},
	{"outgoing", 'O', true, func(o *options, _ string) error { o.outgoing = true; return nil }},
	{"control-port", 'C', false, ignored}, // one daemon, one control socket
}

// unknownWord is an unknown mode or operation.
type unknownWord struct{ kind, word string }

func (e *unknownWord) Error() string { return "unknown " + e.kind + ": " + e.word }

var modes = map[string]string{
	"system": "system", "sys": "system", "target": "target", "tgt": "target", "logicalunit": "logicalunit", "lu": "logicalunit",
	"portal": "portal", "pt": "portal", "session": "session", "sess": "session", "connection": "connection", "conn": "connection",
	"account": "account", "lld": "lld",
}

func setMode(o *options, v string) error {
	if o.mode = modes[v]; o.mode == "" {
		return &unknownWord{"mode", v}
	}
	return nil
}

func setOp(o *options, v string) error {
	switch o.op = v; v {
	case "new", "delete", "bind", "unbind", "show", "update", "stat", "start", "stop":
		return nil
	}
	return &unknownWord{"operation", v}
}

// parse reads a command line as getopt_long does: --name VALUE, --name=VALUE, unambiguous beginnings of a name, -n VALUE, -nVALUE.
func parse(args []string) (*options, error) {
	o := &options{tid: unset, sid: unset, cid: unset, lun: unset}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		opt, value, given, err := find(arg)
		if err != nil {
			return nil, err
		}
		if !opt.flag && !given {
			if len(args) == 0 {
				return nil, fmt.Errorf("option '%s' requires an argument", arg)
			}
			value, args = args[0], args[1:]
		}
		if err := opt.set(o, value); err != nil {
			return nil, err
		}
	}
	switch {
	case o.help || o.version:
	case o.op == "":
		return nil, fmt.Errorf("specify the operation type")
	case o.mode == "":
		return nil, fmt.Errorf("specify the mode")
	}
	return o, nil
}

// find returns the option that arg names, and its value if arg contains it.
func find(arg string) (opt *option, value string, given bool, err error) {
	if long, ok := strings.CutPrefix(arg, "--"); ok && long != "" {
		name, value, given := strings.Cut(long, "=")
		var found []*option
		for i := range all {
			if all[i].long == name {
				return &all[i], value, given, nil
			}
			if strings.HasPrefix(all[i].long, name) {
				found = append(found, &all[i])
			}
		}
		if len(found) == 1 {
			return found[0], value, given, nil
		}
	} else if len(arg) >= 2 && arg[0] == '-' {
		for i := range all {
			if all[i].short == arg[1] {
				return &all[i], arg[2:], len(arg) > 2, nil
			}
		}
	}
	return nil, "", false, fmt.Errorf("unrecognized option '%s'", arg)
}

// check requires the options that tgtadm itself requires.
func (o *options) check() error {
	update := o.op == "update"
	switch {
	case o.mode == "target" && o.tid == 0:
		return fmt.Errorf("'tid' cannot be 0")
	case (o.mode == "target" && o.op != "show" || o.mode == "logicalunit") && o.tid == unset:
		return fmt.Errorf("'tid' option is necessary")
	case o.mode == "target" && o.op == "new" && o.targetName == "":
		return fmt.Errorf("creating new target requires a name, use --targetname")
	case (o.op == "bind" || o.op == "unbind") && o.mode == "target" && o.address == "" && o.initiator == "":
		return fmt.Errorf("%s operation requires initiator-address, initiator-name", o.op)
	case update && (o.mode == "target" || o.mode == "system") && (o.name == "" || !o.hasV):
		return fmt.Errorf("update operation requires 'name' and 'value' options")
	case o.mode == "account" && o.op == "new" && (!o.hasUser || !o.hasPassword):
		return fmt.Errorf("'user' and 'password' options are required")
	case o.mode == "account" && o.op != "show" && !o.hasUser:
		return fmt.Errorf("'user' option is necessary")
	case o.mode == "logicalunit" && o.lun == unset:
		return fmt.Errorf("'lun' option is necessary")
	case o.mode == "logicalunit" && o.op == "new" && o.path == "" && o.bstype != "null":
		return fmt.Errorf("'backing-store' option is necessary")
	case o.mode == "logicalunit" && update && o.params == "":
		return fmt.Errorf("'params' option is necessary")
	case o.mode == "connection" && o.tid == unset:
		return fmt.Errorf("'tid' option is necessary")
	case o.mode == "portal" && o.op != "show" && o.params == "":
		return fmt.Errorf("'params' option is necessary")
	}
	return nil
}
