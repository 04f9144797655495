target_sources(eventbus_host PRIVATE src/plugin/elf_exports.cpp src/plugin/inspect.cpp src/plugin/plugin_backend.cpp
                                     src/plugin/plugin_loader.cpp)
file(RELATIVE_PATH plugins_from_programs "${CMAKE_INSTALL_FULL_BINDIR}" "${CMAKE_INSTALL_FULL_LIBDIR}/eventbus/plugins")
target_compile_definitions(
  eventbus_host
  PRIVATE EVENTBUS_INSTALLED_PLUGIN_DIR="${CMAKE_INSTALL_FULL_LIBDIR}/eventbus/plugins"
          EVENTBUS_PLUGINS_FROM_PROGRAMS="${plugins_from_programs}")
