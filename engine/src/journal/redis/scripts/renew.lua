if not whole or group ~= tonumber(ARGV[3]) then
  return {'BEHIND', group, seq, entries}
end
renew()
return {'OK'}
