################################################################################
#
# frontloader
#
################################################################################

# What is built is a tree that is ready: see build/program.sh.
FRONTLOADER_VERSION = local
FRONTLOADER_SITE = $(FRONTLOADER_PROGRAM)
FRONTLOADER_SITE_METHOD = local
FRONTLOADER_LICENSE = MIT

define FRONTLOADER_INSTALL_TARGET_CMDS
	mkdir -p $(TARGET_DIR)/usr/lib/frontloader $(TARGET_DIR)/usr/bin
	cp -r $(@D)/usr/. $(TARGET_DIR)/usr/
endef

$(eval $(generic-package))
