package lun

var provisioningCommands = []command{}
