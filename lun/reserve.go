package lun

var reserveCommands = []command{}

// releaseReserve ends the RESERVE(6)/(10) reservation of n, of anybody when n is nil.
func (u *Unit) releaseReserve(n *Nexus) {}
