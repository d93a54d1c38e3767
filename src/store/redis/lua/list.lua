-- Lists, newest first, in steps that look at a bounded number of rows. Nothing here changes anything.
-- Lists are sets by instant, whose members are marked with numbers: by both a line has its place.

local list = {}

-- How much one step looks at.
local GLANCES = 500

-- How many members of a set are read at once.
local PAGE = 50

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

-- The keys of sets that are kept apart, one for each of these.
local function each(name, whose)
    local names = {}
    for i, one in ipairs(whose) do names[i] = key(name, one) end
    return names
end

-- Of these groups of sets the one with the fewest members.
local function shortest(groups)
    local best, least
    for _, names in ipairs(groups) do
        local count = 0
        for _, name in ipairs(names) do count = count + redis.call('ZCARD', name) end
        if not least or count < least then best, least = names, count end
    end
    return best
end

-- Goes to the next newest member of a set: its place and its id are there then, unless that was all.
local function step(one)
    one.i = one.i - 2
    if one.i < 1 then
        local bottom = math.max(0, one.top - PAGE)
        one.flat = one.top > 0 and redis.call('ZRANGE', one.name, bottom, one.top - 1, 'WITHSCORES') or {}
        one.top, one.i = bottom, #one.flat - 1
    end
    local member = one.flat[one.i]
    if not member then return false end
    one.id, one.at, one.seq = unmark(member), tonumber(one.flat[one.i + 1]), string.sub(member, 1, 16)
    return true
end

-- Sets from where one looks at them first, without those in which nothing is.
local function readers(names)
    local list = {}
    for _, name in ipairs(names) do
        local top = A.upto and redis.call('ZCOUNT', name, '-inf', '(' .. int(A.upto)) or redis.call('ZCARD', name)
        if A.before then top = math.min(top, standing_before(name, A.before)) end
        local one = {name = name, top = top, i = 0, flat = {}}
        if step(one) then list[#list + 1] = one end
    end
    return list
end

-- Which of them has the newest; nil: none.
local function newest_of(list)
    local best
    for i, one in ipairs(list) do
        local than = list[best]
        if not than or one.at > than.at or one.at == than.at and one.seq > than.seq then best = i end
    end
    return best
end

-- Looks from A.before (absent: the newest) towards the oldest of the shortest group. `wanted` tells of an id
-- whether it is, and how much it took to tell; `line` is its line. Answers lines, at most A.limit of them, and
-- the place of the last row that was looked at, empty at the end of the list.
local function walk(groups, wanted, line)
    local list, lines, glances = readers(shortest(groups)), {}, 0
    while true do
        local i = newest_of(list)
        if not i or A.since and list[i].at < A.since then return {lines, ''} end
        local one = list[i]
        local is_wanted, taken = wanted(one.id)
        if is_wanted then lines[#lines + 1] = line(one.id) end
        glances = glances + (taken or 1)
        if #lines >= A.limit or glances >= GLANCES then return {lines, {int(one.at), one.seq}} end
        if not step(one) then table.remove(list, i) end
    end
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
    local groups = {each('of', A.source and {A.source} or receipt.sources())}
    if A.state == 'failed' then groups[2] = {key('failed')} end
    return walk(groups, is_wanted_receipt, line_of)
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
    local destinations = A.to and {A.to} or redis.call('SMEMBERS', key('destinations'))
    local groups = {each(A.state == 'pending' and 'waiting' or 'to', destinations)}
    if A.state == 'dead' then groups[2] = {key('dead')} end
    return walk(groups, is_wanted_delivery, show.line)
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
