package tgtadm

import "fmt"

// imitated is the version of tgt whose command line and output these are.
const imitated = "1.0.85"

func showSystem(c *call) error {
	fmt.Fprint(c.out, "System:\n"+
		tab1+"State: ready\n"+
		tab1+"debug: off\n"+
		"LLDs:\n"+
		tab1+"iscsi: ready\n"+
		"Backing stores:\n"+
		tab1+"rdwr (bsoflags direct)\n"+
		tab1+"aio\n"+
		"Device types:\n"+
		tab1+"disk\n")
	if a := &c.cfg.Discovery; len(a.Accounts) > 0 || a.Mutual != nil {
		fmt.Fprint(c.out, "Account information:\n")
		for i := range a.Accounts {
			fmt.Fprintf(c.out, tab1+"%s\n", a.Accounts[i].User)
		}
		if a.Mutual != nil {
			fmt.Fprintf(c.out, tab1+"%s (outgoing)\n", a.Mutual.User)
		}
	}
	fmt.Fprint(c.out, "iSNS:\n"+tab1+"iSNS=Off\n")
	return nil
}

const usage = `tgtadm of ringtgt, which understands the commands of tgt's tgtadm
Usage: tgtadm [OPTION]
--lld iscsi --mode target --op new --tid <id> --targetname <name>
--lld iscsi --mode target --op delete [--force] --tid <id>
--lld iscsi --mode target --op show [--tid <id>]
--lld iscsi --mode target --op update --tid <id> --name <param> --value <value>
--lld iscsi --mode target --op bind|unbind --tid <id> --initiator-address <address>|ALL
--lld iscsi --mode target --op bind|unbind --tid <id> --initiator-name <name>
--lld iscsi --mode logicalunit --op new --tid <id> --lun <lun> --backing-store <path>
  [--bstype rdwr|aio] [--bsoflags direct] [--blocksize <size>]
--lld iscsi --mode logicalunit --op update --tid <id> --lun <lun> --params <name>=<value>,...
--lld iscsi --mode logicalunit --op delete --tid <id> --lun <lun>
--lld iscsi --mode account --op new --user <name> --password <pass>
--lld iscsi --mode account --op delete --user <name>
--lld iscsi --mode account --op show
--lld iscsi --mode account --op bind|unbind --user <name> [--tid <id>] [--outgoing]
--lld iscsi --mode conn --op show|delete --tid <id> [--sid <sid> --cid <cid>]
--lld iscsi --mode portal --op show|new|delete [--params portal=<address>[:<port>]]
--mode sys --op show

RINGTGT_CONTROL names the control socket of the daemon; without it there must be only one.
`
