# SPDX-License-Identifier: MIT
# All of libvellum that needs libxml2.  main.o stays behind: tests link the rest.
prog-y += vl-xml
xml_engine := answer.o config_xml_device.o config_xml_read.o config_xml_write.o
vl-xml-y := confine.o main.o $(xml_engine)
vl-xml-libs := -lxml2
