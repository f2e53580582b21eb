include $(sort $(wildcard $(BR2_EXTERNAL_FRONTLOADER_PATH)/package/*/*.mk))
