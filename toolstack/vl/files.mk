# SPDX-License-Identifier: MIT
# main.o stays behind: tests run the rest as a function, cli_run().
prog-y += $(if $(wildcard toolstack/libvellum/guest.c),vl)
vl-y := main.o
vl-y += ask.o
vl-y += cli.o
vl-y += cmd_console.o
vl-y += cmd_create.o
vl-y += cmd_destroy.o
vl-y += cmd_dmesg.o
vl-y += cmd_domid.o
vl-y += cmd_domname.o
vl-y += cmd_dumpxml.o
vl-y += cmd_help.o
vl-y += cmd_info.o
vl-y += cmd_list.o
vl-y += cmd_pause.o
vl-y += cmd_reboot.o
vl-y += cmd_rename.o
vl-y += cmd_sched_credit.o
vl-y += cmd_sched_credit2.o
vl-y += cmd_shutdown.o
vl-y += cmd_table.o
vl-y += cmd_unpause.o
vl-y += cmd_uptime.o
vl-y += cmd_vcpu_list.o
vl-y += cmd_vcpu_pin.o
vl-y += cmd_vm_list.o
vl-y += console.o
vl-y += domains.o
vl-y += follow.o
vl-y += output.o
vl-y += restarts.o
vl-y += sched.o
vl-y += sxp.o
# Loading shared libraries would cost more than most verbs do.
vl-static := y
