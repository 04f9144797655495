target_sources(eventbus_host PRIVATE src/plugin/elf_exports.cpp src/plugin/plugin_backend.cpp
                                     src/plugin/plugin_loader.cpp)
target_compile_definitions(
  eventbus_host
  PRIVATE EVENTBUS_INSTALLED_PLUGIN_DIR="${CMAKE_INSTALL_FULL_LIBDIR}/eventbus/plugins")
