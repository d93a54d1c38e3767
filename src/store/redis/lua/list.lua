-- Lists, newest first, in steps that look at a bounded number of rows. Nothing here changes anything.
-- Lists are sets by instant, whose members are marked with numbers: by both a line has its place.

local list = {}

-- How much one step looks at.
local GLANCES = 500

-- How many members of a set stand before a place.
local function standing_before(name, place)
    local low = redis.call('ZCOUNT', name, '-inf', '(' .. int(place.at))
    local high = redis.call('ZCOUNT', name, '-inf', int(place.at))
    while low < high do
        local middle = math.floor((low + high) / 2)
        local member = redis.call('ZRANGE', name, middle, middle)[1]
        if num(string.sub(member, 1, 16)) < place.seq then low = middle + 1 else high = middle end
    end
    return low
end

-- The shortest of these sets.
local function shortest(names)
    local best, least
    for _, name in ipairs(names) do
        local count = redis.call('ZCARD', name)
        if not least or count < least then best, least = name, count end
    end
    return best, least
end

-- Looks from A.before (absent: the newest) towards the oldest. `wanted` tells of an id whether it is, and
-- how much it took to tell; `line` is its line. Answers lines, at most A.limit of them, and the place of
-- the last row that was looked at, empty at the end of the list.
local function walk(names, wanted, line)
    local name, top = shortest(names)
    if A.upto then top = redis.call('ZCOUNT', name, '-inf', '(' .. int(A.upto)) end
    if A.before then top = math.min(top, standing_before(name, A.before)) end
    local bottom = math.max(0, top - GLANCES)
    local flat = top > 0 and redis.call('ZRANGE', name, bottom, top - 1, 'WITHSCORES') or {}
    local lines, glances = {}, 0
    for i = #flat - 1, 1, -2 do
        local id, at = unmark(flat[i]), tonumber(flat[i + 1])
        if A.since and at < A.since then return {lines, ''} end
        local is_wanted, taken = wanted(id)
        if is_wanted then lines[#lines + 1] = line(id) end
        glances = glances + (taken or 1)
        if #lines >= A.limit or glances >= GLANCES then
            return {lines, {int(at), string.sub(flat[i], 1, 16)}}
        end
    end
    return {lines, ''}
end

-- Whether a receipt has a delivery of a route, and how many were looked at.
local function is_routed(id, route)
    local flat, looked_at = redis.call('HGETALL', key('r', id)), 1
    for i = 1, #flat, 2 do
        local kind = string.match(flat[i], '^([de]):')
        if kind == 'd' and cmsgpack.unpack(flat[i + 1])[2] == route then return true, looked_at end
        if kind then looked_at = looked_at + 1 end
    end
    return false, looked_at
end

local function is_wanted_receipt(id)
    local row = redis.call('HMGET', key('r', id), 'source', 'state', 'correlations')
    if not row[1] then return false end
    if A.source and row[1] ~= A.source then return false end
    if A.state and row[2] ~= A.state then return false end
    if A.correlation then
        local all = '\n' .. (row[3] or '')
        if not string.find(all, '\n' .. A.correlation .. '\n', 1, true) then return false end
    end
    if A.route then return is_routed(id, A.route) end
    return true
end

local LINE = {
    'n', 'source', 'at', 'state', 'reason', 'type', 'kind', 'name', 'events', 'deliveries', 'duplicates',
}

-- What a receipt's line is made of.
local function line_of(id)
    local values, flat = redis.call('HMGET', key('r', id), unpack(LINE)), {}
    for i, field in ipairs(LINE) do
        if values[i] then
            flat[#flat + 1] = field
            flat[#flat + 1] = values[i]
        end
    end
    return {id, flat}
end

-- Lines are the id and the fields.
function ops.receipts()
    local names = {key('receipts')}
    if A.source then names[#names + 1] = key('of', A.source) end
    if A.state == 'failed' then names[#names + 1] = key('failed') end
    return walk(names, is_wanted_receipt, line_of)
end

local function is_wanted_delivery(id)
    local row = redis.call('HMGET', key('d', id), 'to', 'route', 'state', 'class', 'created')
    if not row[1] then return false end
    for i, name in ipairs({'to', 'route', 'state', 'class'}) do
        if A[name] and row[i] ~= A[name] then return false end
    end
    local created = num(row[5])
    return not (A.since and created < A.since) and not (A.upto and created >= A.upto)
end

function ops.deliveries()
    local names = {key('deliveries')}
    if A.to then names[#names + 1] = key('to', A.to) end
    if A.state == 'pending' then names[#names + 1] = key('waiting') end
    if A.state == 'dead' then names[#names + 1] = key('dead') end
    return walk(names, is_wanted_delivery, show.line)
end

-- Where the deliveries of a receipt are: id and partition of each.
function ops.deliveries_of()
    local lines = {}
    for id, known in pairs(receipt.deliveries(A.id)) do lines[#lines + 1] = {id, known[1]} end
    return lines
end

-- The lines of those of these deliveries that are wanted.
function ops.among()
    local lines = {}
    for _, id in ipairs(A.ids) do
        if is_wanted_delivery(id) then lines[#lines + 1] = show.line(id) end
    end
    return lines
end
