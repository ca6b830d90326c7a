package lun

var tpgCommands = []command{}
