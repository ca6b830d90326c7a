package lun

var copyCommands = []command{}
