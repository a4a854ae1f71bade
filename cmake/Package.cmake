# What `cmake --install` puts where, and the Debian package: cpack -G DEB, in the build folder.
install(TARGETS sallyport RUNTIME DESTINATION sbin)
install(TARGETS sallyportctl RUNTIME DESTINATION bin)
install(FILES ${CMAKE_SOURCE_DIR}/conf/completion/sallyportctl.bash DESTINATION share/bash-completion/completions
  RENAME sallyportctl)
install(FILES ${CMAKE_SOURCE_DIR}/conf/completion/_sallyportctl DESTINATION share/zsh/vendor-completions)
install(FILES ${CMAKE_SOURCE_DIR}/conf/systemd/sysusers.conf DESTINATION lib/sysusers.d RENAME sallyport.conf)
install(FILES ${CMAKE_SOURCE_DIR}/conf/systemd/tmpfiles.conf DESTINATION lib/tmpfiles.d RENAME sallyport.conf)
install(FILES ${CMAKE_SOURCE_DIR}/README.md ${CMAKE_SOURCE_DIR}/docs/architecture.md DESTINATION share/doc/sallyport)
install(FILES ${CMAKE_SOURCE_DIR}/conf/minimal.ini ${CMAKE_SOURCE_DIR}/conf/nftables/sallyport.nft
  DESTINATION share/doc/sallyport/examples)
install(FILES ${CMAKE_SOURCE_DIR}/conf/nftables/README.md DESTINATION share/doc/sallyport/examples RENAME redirect.md)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/conf/monitoring DESTINATION share/doc/sallyport/examples)
# not below the prefix: the daemon looks there
install(FILES ${CMAKE_SOURCE_DIR}/conf/sallyport.ini DESTINATION /etc/sallyport RENAME sallyport.ini.example)

# The units name the daemon by its path, which the prefix decides, and that is known no sooner than now.
file(GLOB units CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/conf/systemd/*.service ${CMAKE_SOURCE_DIR}/conf/systemd/*.socket)
install(CODE "
  foreach(unit ${units})
    file(READ \${unit} text)
    string(REPLACE /usr/local/sbin/ \${CMAKE_INSTALL_PREFIX}/sbin/ text \"\${text}\")
    string(REGEX REPLACE \"^# /etc/systemd/system/[^\\n]*\\n\" \"\" text \"\${text}\")
    get_filename_component(name \${unit} NAME)
    file(WRITE \$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/lib/systemd/system/\${name} \"\${text}\")
    message(STATUS \"Installing: \$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/lib/systemd/system/\${name}\")
  endforeach()
")

set(VERSION ${PROJECT_VERSION})
# Whoever builds it, as Debian's own tools have it.
set(MAINTAINER "Sallyport <sallyport@localhost>")
if(DEFINED ENV{DEBEMAIL})
  set(MAINTAINER "$ENV{DEBFULLNAME} <$ENV{DEBEMAIL}>")
endif()
configure_file(${CMAKE_SOURCE_DIR}/conf/debian/changelog ${CMAKE_BINARY_DIR}/debian/changelog @ONLY)
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/debian/changelog.gz
  COMMAND gzip -9nkf ${CMAKE_BINARY_DIR}/debian/changelog DEPENDS ${CMAKE_BINARY_DIR}/debian/changelog VERBATIM)
add_custom_target(changelog ALL DEPENDS ${CMAKE_BINARY_DIR}/debian/changelog.gz)
install(FILES ${CMAKE_SOURCE_DIR}/conf/debian/copyright ${CMAKE_BINARY_DIR}/debian/changelog.gz
  DESTINATION share/doc/sallyport)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME sallyport)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "${MAINTAINER}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "XMPP server-to-server gateway for old servers")
set(CPACK_PACKAGE_DESCRIPTION "Sallyport stands in front of an old XMPP server and ends and begins
anew all its server-to-server TLS. It lets in only peers with a trusted
certificate, accepts certificates that are for servers alone, and keeps
dialback to itself and the server behind it, whose configuration is not
changed.
.
sallyportctl init finds the server and its certificates and sets the
gateway up; sallyportctl undo takes it out.")
# with DESTDIR, since not all of it lies below the prefix
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ
  WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS adduser)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ca-certificates, nftables")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "certbot, ejabberd | prosody | jabberd2")
set(debian ${CMAKE_SOURCE_DIR}/conf/debian)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${debian}/conffiles ${debian}/postinst ${debian}/prerm ${debian}/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION TRUE)
include(CPack)
