-- ARGV[5], if there: the stream may end with any group, and the lease is renewed only once half
-- of it is over, since whoever appends has to look again after each change of the head.
local group = tonumber(ARGV[3])
if ARGV[5] then
  group = last()
end
if not ends_with(group) then
  return behind()
end
if not ARGV[5] or tonumber(head[5] or 0) - now() < ARGV[4] / 2 then
  renew()
end
return {'OK'}
