package lun

var opcodeCommands = []command{}
