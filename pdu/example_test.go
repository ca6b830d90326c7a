package pdu_test

import (
	"fmt"

	"github.com/ringtgt/ringtgt/pdu"
)

// A READ(10) of 8 blocks is encoded, and its bytes are cut into PDUs as a receiver would.
func Example() {
	var out pdu.BHS
	out.Init(pdu.OpSCSICommand)
	cmd := (*pdu.SCSICommand)(&out)
	cmd.SetFinal(true)
	cmd.SetRead(true)
	cmd.SetITT(0x10)
	cmd.SetCmdSN(1)
	cmd.SetExpectedDataTransferLength(8 * 512)
	copy(cmd.CDB()[:], []byte{0x28, 0, 0, 0, 0, 100, 0, 0, 8, 0})
	stream := append(out[:], out[:20]...) // and the beginning of another

	var f pdu.Framer
	f.SetLimits(0, 64<<10)
	for len(stream) > 0 {
		n, state, err := f.Feed(stream)
		if err != nil {
			fmt.Println(err)
			return
		}
		stream = stream[n:]
		if state == pdu.HeaderReady {
			cmd := (*pdu.SCSICommand)(f.Header())
			fmt.Printf("%v: ITT %#x, CDB %x, %d bytes\n", f.Header().Opcode(), cmd.ITT(), cmd.CDB()[:10], cmd.ExpectedDataTransferLength())
		}
	}
	// Output: SCSI Command: ITT 0x10, CDB 28000000006400000800, 4096 bytes
}

// The text of a login request, as the data segment has it.
func ExampleParseText() {
	text := pdu.AppendText(nil, "InitiatorName", "iqn.2026-11.com.example:host")
	text = pdu.AppendText(text, "MaxRecvDataSegmentLength", "262144")
	pairs, err := pdu.ParseText(text, 64)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range pairs {
		fmt.Println(p.Key, "is", p.Value)
	}
	// Output:
	// InitiatorName is iqn.2026-11.com.example:host
	// MaxRecvDataSegmentLength is 262144
}
