# `cpack -G DEB` in the build tree: eventbus (the command), eventbus-<plugin> for each plugin, libeventbus-dev. What
# they depend on is read from the binaries (dpkg-shlibdeps).
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME eventbus)
set(CPACK_PACKAGE_CONTACT "The eventbus authors <authors@eventbus.invalid>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_COMPONENTS_ALL runtime dev)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME eventbus)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_RUNTIME_DESCRIPTION
    "The command: publishes, consumes and inspects events, in memory or on the backend of a plugin.")
set(CPACK_DEBIAN_DEV_PACKAGE_NAME libeventbus-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_RECOMMENDS "nlohmann-json3-dev")
set(CPACK_DEBIAN_DEV_DESCRIPTION
    "For development: headers and static libraries for applications, for tests of handlers and for backend
plugins, and eventbus-conformance, which tests a backend.")

get_property(plugins GLOBAL PROPERTY EVENTBUS_INSTALLED_PLUGINS)
foreach(plugin ${plugins})
  string(REPLACE "_" "-" package "eventbus-${plugin}")
  string(TOUPPER "PLUGIN_${plugin}" component)
  list(APPEND CPACK_COMPONENTS_ALL plugin_${plugin})
  list(APPEND packages ${package})
  set(CPACK_DEBIAN_${component}_PACKAGE_NAME ${package})
  set(CPACK_DEBIAN_${component}_PACKAGE_SECTION libs)
  set(CPACK_DEBIAN_${component}_PACKAGE_ENHANCES eventbus)
  set(CPACK_DEBIAN_${component}_DESCRIPTION "The plugin that carries events on the backend ${plugin}.")
endforeach()
foreach(component ${CPACK_COMPONENTS_ALL})
  string(TOUPPER ${component} upper)
  install(
    FILES "${CMAKE_CURRENT_SOURCE_DIR}/LICENSE"
    RENAME copyright
    DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${CPACK_DEBIAN_${upper}_PACKAGE_NAME}
    COMPONENT ${component})
endforeach()
list(JOIN packages ", " CPACK_DEBIAN_RUNTIME_PACKAGE_SUGGESTS)
include(CPack)
